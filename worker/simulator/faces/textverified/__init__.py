"""The faces of TextVerified: verifications, and rentals beside them."""

from worker.simulator.faces.textverified.face import TextVerifiedFace

FACE = TextVerifiedFace
