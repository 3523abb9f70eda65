"""From Python and in a notebook: what the command line does, in a line each, shown in the cell.

    training.py  a training, and its run
    live.py      what a cell shows while a training goes on
    finetune.py  drawings -> a bundle that reads them
    pad.py       a pad to draw on

Each needs the extra of what it does; the pad and tables need `notebook`.
"""
