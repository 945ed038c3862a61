# Two stages: the wheels are built in the first, the second holds no compiler and no cache.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements/runtime.txt pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/sureshot \
 && /opt/sureshot/bin/pip install --no-cache-dir --require-hashes -r runtime.txt \
 && /opt/sureshot/bin/pip install --no-cache-dir hatchling
COPY src ./src
RUN /opt/sureshot/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/sureshot/bin/pip uninstall --yes hatchling

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/sureshot sureshot
COPY --from=build /opt/sureshot /opt/sureshot
ENV PATH=/opt/sureshot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SURESHOT_HOST=0.0.0.0 \
    SURESHOT_PORT=8080 \
    SURESHOT_LOG_FORMAT=json
# Nothing is written outside this folder: the root file system may be read-only.
WORKDIR /var/lib/sureshot
VOLUME /var/lib/sureshot
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["sureshot"]
CMD ["serve"]
