"""Subject codes, the vault, the airlock from identified to blinded, the leak audit."""
