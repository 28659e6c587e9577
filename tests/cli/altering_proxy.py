#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""altering_proxy.py PORT [RULE...]: a relay's operator who serves something else.

Passes GETs on to the plain listener on PORT, prints its own port, and alters answers. A rule is
[PATH][@HEADER=TEXT]:ACTION, for the requests with that path and with that text in that header:

  :set=NAME=VALUE  a header gets that value    :drop=NAME  a header is left out
  :body=TEXT       another body                :status=N   another status
"""
import http.client
import http.server
import sys


class Rule:
    def __init__(self, text):
        where, _, action = text.partition(':')
        self.path, _, header = where.partition('@')
        self.header, _, self.text = header.partition('=')
        self.action, _, self.argument = action.partition('=')

    def fits(self, handler):
        return self.path in ('', handler.path) and (
            self.header == '' or self.text in handler.headers.get(self.header, ''))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        relay = http.client.HTTPConnection('127.0.0.1', PORT)
        headers = {'Host': f'localhost:{PORT}', 'Accept-Encoding': self.headers.get('Accept-Encoding', '')}
        relay.request('GET', self.path, headers=headers)
        answer = relay.getresponse()
        status, body, headers = answer.status, answer.read(), dict(answer.getheaders())
        for rule in RULES:
            if not rule.fits(self):
                continue
            if rule.action == 'set':
                name, _, value = rule.argument.partition('=')
                headers[name] = value
            elif rule.action == 'drop':
                headers.pop(rule.argument, None)
            elif rule.action == 'body':
                body = rule.argument.encode()
                headers.pop('Content-Encoding', None)
            elif rule.action == 'status':
                status = int(rule.argument)
        headers['Content-Length'] = str(len(body))
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


PORT = int(sys.argv[1])
RULES = [Rule(text) for text in sys.argv[2:]]
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
