# Replaces the public image rust:1.95-bookworm: the host's toolchain, with the packages that linking needs.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc g++ make pkg-config libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY toolchain /usr/local
