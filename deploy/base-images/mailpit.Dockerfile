# Replaces the public image axllent/mailpit:v1.27.11: the same program, built from its source.
FROM debian:bookworm-slim
COPY mailpit /mailpit
EXPOSE 1025 8025
HEALTHCHECK --interval=15s --start-period=10s CMD ["/mailpit", "readyz"]
ENTRYPOINT ["/mailpit"]
