# docs/install.md says how to use it.

# What a build needs: the development container is this stage alone.
FROM rust:1.95-slim-bookworm AS tools
RUN apt-get update && apt-get install -y --no-install-recommends git make && rm -rf /var/lib/apt/lists/*

FROM tools AS build
WORKDIR /src
COPY . .
RUN make build TLS=1 && make install DESTDIR=/installed

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends bash ca-certificates make && rm -rf /var/lib/apt/lists/*
COPY --from=build /installed /
# The recipes; the programs that make would build are on the PATH already.
COPY Makefile /opt/act/
COPY configs /opt/act/configs
ENV CARGO=true
WORKDIR /models
