# Replaces the public image nginx:1.30-trixie: Debian's nginx, with the user of the public image.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends nginx-light libnginx-mod-stream \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && groupadd --system nginx \
    && useradd --system --gid nginx --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin nginx \
    && install -d /var/cache/nginx
EXPOSE 80 443
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
