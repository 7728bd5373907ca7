# The image of bocau: the program with the pages in it, and nothing else. Needs BuildKit, which is Docker's builder.
#
#   docker build -t bocau .
#   docker run -d --name bocau --stop-timeout 40 -p 127.0.0.1:8080:8080 -v bocau-data:/data bocau
#
# There is no shell in it, so HEALTHCHECK has nothing to run: ask /readyz from outside. See docs/DEPLOYMENT.md.

FROM node:22-bookworm-slim AS dashboard
WORKDIR /src/dashboard
COPY dashboard/package.json dashboard/package-lock.json dashboard/.npmrc ./
# Not `npm ci`: see the Makefile.
RUN --mount=type=cache,target=/npm-cache npm install --no-save --cache /npm-cache
COPY dashboard ./
RUN npm run build

FROM rust:1.92-bookworm AS program
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates ./crates
COPY xtask ./xtask
COPY --from=dashboard /src/dashboard/dist ./dashboard/dist
# The target directory is a cache that does not stay in the image, so the program is taken out of it in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p bocau \
    && install -D -m 755 target/release/bocau /image/usr/bin/bocau \
    && install -d -m 700 /image/data

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Bồ Câu" \
      org.opencontainers.image.description="Delivers the events of shops to the systems of their owners, as signed webhooks" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=program /image/usr/bin/bocau /usr/bin/bocau
# A new volume takes its owner from here; 65532 is the image's user `nonroot`.
COPY --from=program --chown=65532:65532 /image/data /data
ENV BOCAU_DATA_DIR=/data \
    BOCAU_LISTEN=0.0.0.0:8080
# Where `bocau.toml` is looked for: mount it as /etc/bocau/bocau.toml.
WORKDIR /etc/bocau
USER 65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/bocau"]
CMD ["serve"]
