# syntax=docker/dockerfile:1
# The server and nothing else: no shell, no package manager, not root.
#
#   docker build -t rialto .
#   docker run -p 8000:8000 -v rialto:/data rialto

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# Dependencies alone first, against empty crates, so that a change of ours does not build them again.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN --mount=type=bind,target=/context \
    cd /context && for manifest in bins/*/Cargo.toml crates/*/Cargo.toml benches/*/Cargo.toml tests/Cargo.toml; do \
        folder=/src/$(dirname "$manifest") && mkdir -p "$folder/src" "$folder/tests" && cp "$manifest" "$folder/" \
        && touch "$folder/src/lib.rs" "$folder/tests/main.rs"; \
    done \
    && rm /src/bins/rialto/src/lib.rs && echo 'fn main() {}' > /src/bins/rialto/src/main.rs
RUN cargo build --locked --release --package rialto
COPY bins bins
COPY crates crates
COPY migrations migrations
# Cargo goes by the times of files, and the empty crates are newer than what was checked out.
RUN find bins crates -name '*.rs' -exec touch {} + \
    && cargo build --locked --release --package rialto \
    && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Rialto" \
      org.opencontainers.image.description="The economy server for AI agents" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=build /src/target/release/rialto /usr/local/bin/rialto
COPY --from=build --chown=65532:65532 /data /data
# The data is where the server is started: sqlite:./rialto.db, unless the settings say otherwise.
WORKDIR /data
ENV RIALTO_LISTEN=0.0.0.0:8000
VOLUME /data
EXPOSE 8000
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["/usr/local/bin/rialto", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/rialto"]
CMD ["serve"]
