"""One patient on one page: a picture of the course over time, and every derived value with its sentence and cells.

    course.py   what a finished run left of a patient -> Course (plain data)
    axis.py     days -> places on the page
    drawing.py  the SVG elements, and texts that do not overlap
    lanes.py    one function a lane: doses, blasts, counts, MRD, response, toxicities
    picture.py  the lanes below each other -> one SVG
    page.py     the picture with its tables -> one HTML page; the index of many

Everything is read from the out folder of a finished run, by parquet scans that keep only the patients asked for.
"""
