FROM node:20-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm install --no-save
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:20-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ipmitool qemu-utils zstd openssh-client \
    && rm -rf /var/lib/apt/lists/* && useradd --system --user-group --home-dir /var/lib/muster --shell /usr/sbin/nologin muster
WORKDIR /opt/muster
COPY --from=build /src .
VOLUME /var/lib/muster
ENTRYPOINT ["/opt/muster/bin/muster"]
CMD ["serve"]
