"""Figures of genre and mood on the research data in the folder that EARMARK_DATA names; none of it ships."""
