"""Songs composed in code and a simulated phone, to try Earmark without anyone's recordings."""
