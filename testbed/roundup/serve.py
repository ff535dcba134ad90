"""Serves a Roundup tracker on loopback until standard input ends: python serve.py HOME PORT"""
import os
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from roundup.cgi.wsgi_handler import RequestDispatcher


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
home, port = sys.argv[1], int(sys.argv[2])
make_server("127.0.0.1", port, RequestDispatcher(home), Server, Quiet).serve_forever()
