"""Pages for people: the practice's quarter, a supervisor's team, a clinician's own month. HTML files, no server."""
