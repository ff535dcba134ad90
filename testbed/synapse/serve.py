"""Runs a Synapse homeserver until standard input ends: python serve.py CONFIG"""
import os
import sys
import threading


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv = ["synapse", "--config-path", sys.argv[1]]

from synapse.app.homeserver import main  # noqa: E402

main()
