-- How lean the books may be written, because no older code reads them: layout.py.
(SELECT written FROM layout)
