"""The engines that run a bundle's network, one file each."""
