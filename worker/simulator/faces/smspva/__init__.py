"""The faces of SMSPVA: version 2 for activations, an old script for rentals."""

from worker.simulator.faces.smspva.face import SmsPvaFace

FACE = SmsPvaFace
