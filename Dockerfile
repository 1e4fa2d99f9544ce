# The gateway as one container. Two targets:
#   gateway   the program alone; mount or COPY bundles to /bundles/{models,golden,rollout}
#   examples  (default) the program with the three example bundles
# It runs as user 10001 on a read-only root. It writes to /data only; give it a temporary /tmp beside that.
# docs/operations.md says how to open its ports.

# Any image with Node 24, npm and a shell.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package that the gateway runs on needs its install script: the native libraries are in the packages.
# ONNX Runtime brings the libraries of every platform; only this one's are kept.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && for platform in node_modules/onnxruntime-node/bin/napi-v6/*/*; do \
       case "$platform" in */"linux/$(node -p process.arch)") ;; *) rm -r "$platform" ;; esac; \
     done \
  && mkdir /empty

FROM ${NODE_IMAGE} AS gateway
LABEL org.opencontainers.image.title="handoff" \
      org.opencontainers.image.description="HTTP gateway that serves ONNX models from handoff bundles" \
      org.opencontainers.image.licenses="Apache-2.0"
# The data port faces the network; the gateway therefore starts only with HANDOFF_KEYS_FILE, or with
# HANDOFF_ALLOW_ANONYMOUS=true for a network that is trusted as a whole. The admin port stays on the container's
# loopback until HANDOFF_ADMIN_HOST opens it, which needs a keys file.
ENV NODE_ENV=production \
    ORT_DISABLE_TELEMETRY=1 \
    HANDOFF_HOST=0.0.0.0 \
    HANDOFF_PORT=8080 \
    HANDOFF_ADMIN_PORT=8081 \
    HANDOFF_MODELS_DIR=/bundles/models \
    HANDOFF_GOLDEN_DIR=/bundles/golden \
    HANDOFF_ROLLOUT_DIR=/bundles/rollout \
    HANDOFF_DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY src ./src
COPY templates ./templates
COPY --from=dependencies --chown=10001:10001 /empty /data
USER 10001:10001
VOLUME /data
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
# Ready, not live: what waits for a healthy container waits for models that answer. Nothing here restarts the container.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.HANDOFF_PORT + '/health/ready').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Exec form: the gateway is process 1 and gets SIGTERM itself. `check` or `smoke` in the place of `serve` runs those.
ENTRYPOINT ["node", "/app/src/cli.js"]
CMD ["serve"]

FROM gateway AS examples
COPY models /bundles/models
COPY golden /bundles/golden
COPY rollout /bundles/rollout
