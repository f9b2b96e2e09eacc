"""A collector of traces: takes OTLP over HTTP and writes each span as a line of JSON.

The messages are read by OpenTelemetry's own definitions. The first line is the port.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        wrong = self.path != "/v1/traces" or self.headers["content-type"] != "application/x-protobuf"
        if not wrong:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                of = attributes(resource.resource)
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        print(json.dumps(told(of, span)), flush=True)
        self.send_response(400 if wrong else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def attributes(of):
    values = ((each.key, MessageToDict(each.value)) for each in of.attributes)
    return {key: next(iter(value.values())) for key, value in values}


def told(of, span):
    return {
        "service": of["service.name"],
        "name": span.name,
        "kind": span.SpanKind.Name(span.kind),
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "nanos": span.end_time_unix_nano - span.start_time_unix_nano,
        "failed": span.status.code == 2,
        "attributes": attributes(span),
    }


server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
print(server.server_port, flush=True)
server.serve_forever()
