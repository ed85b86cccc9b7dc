"""Registry: model versions, the gate, signatures, promotion and lineage."""
