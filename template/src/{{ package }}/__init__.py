"""The product: data -> features -> training -> registry -> serving -> monitoring, one package per station."""
