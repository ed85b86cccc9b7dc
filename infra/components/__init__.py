"""The parts the programs are made of."""
