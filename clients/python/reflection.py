"""A gRPC client that knows no .proto file: it asks the servers for their descriptors (reflection v1alpha).

    python reflection.py ACCESS_TOKEN localhost:3001 localhost:3002
"""

import sys
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

TOKEN, AUTH_SERVICE, EVENTS_SERVICE = sys.argv[1:]


class Server:
    """A server with the descriptors of its methods."""

    def __init__(self, address: str, service: str) -> None:
        self.channel = grpc.insecure_channel(address)
        reflection = ProtoReflectionDescriptorDatabase(self.channel)
        services = set(reflection.get_services())
        assert {service, "grpc.health.v1.Health"} <= services, services
        self.service = DescriptorPool(reflection).FindServiceByName(service)

    def call(self, name: str, token: str | None = TOKEN, **fields: object) -> Any:
        """Calls a method with a request that has these fields."""
        method: MethodDescriptor = self.service.methods_by_name[name]
        request_class = GetMessageClass(method.input_type)
        call = self.channel.unary_unary(
            f"/{self.service.full_name}/{name}",
            request_serializer=request_class.SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        return call(request_class(**fields), metadata=metadata)


auth = Server(AUTH_SERVICE, "eventboard.auth.v1.AuthService")
events = Server(EVENTS_SERVICE, "eventboard.events.v1.EventsService")
assert auth.call("GetMe").organization.name == "Acme Corporation"
found = events.call("FindAll", limit=1, page=1).events[0]
assert events.call("FindOne", id=found.id) == found
try:
    events.call("FindOne", token=None, id=found.id)
    raise AssertionError("a call without a token must fail")
except grpc.RpcError as error:
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED, error
