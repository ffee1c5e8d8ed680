# Replaces the public image prom/prometheus:v2.42.0: Debian's Prometheus, with the paths and the user of the public image.
# Debian's build has no Kubernetes service discovery.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends prometheus \
    && rm -rf /var/lib/apt/lists/* /var/lib/prometheus /etc/prometheus/* \
    && install -d -o nobody -g nogroup /prometheus
WORKDIR /prometheus
VOLUME /prometheus
EXPOSE 9090
USER nobody
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
