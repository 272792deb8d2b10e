"""Programs that fit the tables that ship in ``classifier/data``; they see development material only."""
