"""What every room uses: errors and checks, files, seeds and ranks, linear maps, signals."""
