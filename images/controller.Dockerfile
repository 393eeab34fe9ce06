# Builds vbrain/controller with Docker. From the root of the clone:
#   docker build -f images/controller.Dockerfile -t vbrain/controller:0.1.0 .
# The content equals that of scripts/images/build.sh: the stripped program and the files that its dynamic linker loads.
# scripts/images/check-dockerfiles.sh compares the two.
FROM docker.io/library/debian:bookworm AS build
WORKDIR /src
ENV XDG_CACHE_HOME=/cache
COPY scripts/install-packages.sh scripts/
RUN scripts/install-packages.sh --build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY scripts scripts
COPY lib lib
COPY api-server api-server
COPY controller controller
COPY runner runner
RUN --mount=type=cache,target=/cache/ccache \
    scripts/build.sh release controller runner-bundle && \
    scripts/images/build.sh --trees --only controller --bin build/release/bin --bundle build/release/bundle --out /images

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title=vbrain/controller org.opencontainers.image.version=$VERSION
COPY --from=build /images/controller /
ENV PATH=/usr/local/bin:/usr/bin:/bin
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/controller"]
