# Builds one image for each service. Every image also contains the admin command `eventboard`:
#
#   docker build --target api-gateway -t eventboard/api-gateway:0.1.0 .
#
# This file works with BuildKit and with the classic builder. The dependencies are compiled in a separate layer, which
# is rebuilt only when Cargo.lock or a manifest changes. The toolchain comes from the base image. The tag of this image
# must match rust-toolchain.toml.
#
# `eventboard` is built without its default feature, `up`. No image runs the whole system in one process, so the binary
# needs neither the services nor a private PostgreSQL. The services have no features, so `--no-default-features` does
# not change them.

# Not a service of EventBoard: this image forwards a port of the host to the replicas of a service
# (docker-compose.microservices.yml).
FROM debian:bookworm-slim AS port
RUN apt-get update \
    && apt-get install -y --no-install-recommends socat \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
USER 10001:10001
ENTRYPOINT ["socat"]

FROM rust:1.95-bookworm AS chef
RUN cargo install cargo-chef --version 0.1.78 --locked --root /usr/local
WORKDIR /build

FROM chef AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS build
# How much the optimizer does. .ci/run, which only checks that the programs work, saves minutes here.
ARG CARGO_PROFILE_RELEASE_LTO=fat
ARG CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
ARG CARGO_PROFILE_RELEASE_OPT_LEVEL=3
COPY --from=plan /build/recipe.json .
RUN cargo chef cook --release --locked --no-default-features --recipe-path recipe.json \
        -p api-gateway -p auth-service -p events-service -p notification-service -p eventboard
COPY . .
RUN cargo build --release --locked --no-default-features \
        -p api-gateway -p auth-service -p events-service -p notification-service -p eventboard

# The base of all service images. The file system can be read-only, except for /app/logs. `sh` and `ping` are for
# troubleshooting. ping is replaced by a copy, because a copy has no file capabilities. With file capabilities, ping
# does not start in a container that has dropped all capabilities. ping needs no capability, because container engines
# allow every user to send pings (net.ipv4.ping_group_range).
FROM debian:bookworm-slim AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates iputils-ping \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && cp /bin/ping /tmp/ping && install -m 755 /tmp/ping /bin/ping && rm /tmp/ping \
    && groupadd --gid 10001 eventboard \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin eventboard \
    && install -d -o eventboard -g eventboard /app /app/logs
COPY --from=build /build/target/release/eventboard /usr/local/bin/
WORKDIR /app
USER 10001:10001
ENV LOG_FORMAT=json LOG_DIR=/app/logs DRAIN_GRACE=3s
# For the resolver of glibc. By default it waits five seconds before it repeats a question whose packet was lost: longer
# than a service waits for a connection to the database.
ENV RES_OPTIONS="timeout:1 attempts:3"
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["eventboard", "healthcheck"]
ARG VERSION=0.1.0
# The commit, which the metrics show: docker-compose build --build-arg REVISION=$(git rev-parse --short HEAD)
ARG REVISION=unknown
ENV EVENTBOARD_REVISION="${REVISION}"
LABEL org.opencontainers.image.vendor="EventBoard" org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"

FROM runtime AS api-gateway
LABEL org.opencontainers.image.title="eventboard-api-gateway" \
    org.opencontainers.image.description="EventBoard's HTTP API"
COPY --from=build /build/target/release/api-gateway /usr/local/bin/
ENV PORT=3000
EXPOSE 3000 9464
CMD ["api-gateway"]

FROM runtime AS auth-service
LABEL org.opencontainers.image.title="eventboard-auth-service" \
    org.opencontainers.image.description="EventBoard's users and their tokens"
COPY --from=build /build/target/release/auth-service /usr/local/bin/
ENV PORT=3001
EXPOSE 3001 9464
CMD ["auth-service"]

FROM runtime AS events-service
LABEL org.opencontainers.image.title="eventboard-events-service" \
    org.opencontainers.image.description="EventBoard's events"
COPY --from=build /build/target/release/events-service /usr/local/bin/
ENV PORT=3002
EXPOSE 3002 9464
CMD ["events-service"]

FROM runtime AS notification-service
LABEL org.opencontainers.image.title="eventboard-notification-service" \
    org.opencontainers.image.description="EventBoard's mails"
COPY --from=build /build/target/release/notification-service /usr/local/bin/
# For MAIL_FOLDER. A new volume that is mounted here gets the owner of this folder.
RUN install -d /app/mail
ENV PORT=3003
EXPOSE 3003 9464
CMD ["notification-service"]
