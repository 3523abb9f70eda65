# The server, without PyTorch; docs/deploy.md says how to run it. It starts with a token only.
FROM python:3.11-slim AS build
WORKDIR /checkout
COPY . .
RUN python -m venv /opt/inkling \
    && python -m venv /opt/build \
    && /opt/build/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /dist . \
    && /opt/inkling/bin/pip install --no-cache-dir --constraint constraints.txt \
        "$(echo /dist/*.whl)[serve,postgres]" \
    && /opt/inkling/bin/pip uninstall --yes pip setuptools \
    && find /opt/inkling -type d -name tests -prune -exec rm -r {} +

FROM python:3.11-slim
RUN useradd --uid 10001 --home-dir /data --no-create-home inkling \
    && install --directory --owner inkling --group inkling /data
COPY --from=build /opt/inkling /opt/inkling
ENV PATH=/opt/inkling/bin:$PATH INKLING_HOST=0.0.0.0 INKLING_HOME=/data
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "\
from os import environ as e; from urllib.request import urlopen; \
urlopen(f'http://127.0.0.1:{e.get(\"INKLING_PORT\") or e.get(\"PORT\") or 8000}/livez', timeout=4)"]
ENTRYPOINT ["inkling"]
CMD ["serve"]
