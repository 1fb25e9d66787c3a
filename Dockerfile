# One image for every part of Appointed: the server, the worker, beat and the commands.
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# The wheel is built by what the development lock names, hashes included, and by nothing fetched on the side.
FROM base AS wheel
COPY requirements-dev.lock ./
RUN pip install --require-hashes --requirement requirements-dev.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

# Libraries before code: they change less often, and this layer is kept while they do not.
# The MySQL lock is the runtime lock plus one driver, so the image runs on either database.
FROM base AS installed
COPY requirements-mysql.lock ./
RUN python -m venv --without-pip /opt/appointed \
    && pip --python /opt/appointed/bin/python install --require-hashes --requirement requirements-mysql.lock
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip --python /opt/appointed/bin/python install --no-deps --no-index /wheels/appointed-*.whl

FROM python:${PYTHON_VERSION}-slim
# Both folders become volumes, which take over owner and mode from here when they are first used.
RUN groupadd --gid 10001 appointed \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/appointed --shell /usr/sbin/nologin appointed \
    && install --directory --owner=appointed --group=appointed --mode=0700 /keys /var/lib/appointed
COPY --from=installed /opt/appointed /opt/appointed
ENV PATH=/opt/appointed/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VAR_DIR=/var/lib/appointed
WORKDIR /var/lib/appointed
# By number, so that a platform that refuses root can see that this is not root.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/health/ready', timeout=4)"]
ENTRYPOINT ["appointed"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--workers", "2"]
