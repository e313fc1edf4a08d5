"""How near the measured volumes come to known ones, peers beside ours."""
