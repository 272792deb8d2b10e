"""Other people's programs and services, asked and told over their own interfaces. A layer over the catalogue."""
