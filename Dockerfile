# Earmark as an image: the page is built, requirements are installed, and what results runs as nobody in particular
# on a root file system that nothing has to be written to. docs/deployment.md says how to run it.

FROM node:22.23.2-bookworm-slim AS page
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build

FROM python:3.11.16-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
WORKDIR /app
COPY requirements.txt ./
RUN /venv/bin/pip install --requirement requirements.txt
COPY pyproject.toml README.md LICENSE NOTICE app.py gunicorn.conf.py ./
COPY deploy/mongo_setup.py deploy/bill.py deploy/
COPY classifier classifier
RUN /venv/bin/pip install --no-deps --editable .
RUN /venv/bin/python -m compileall -q app.py deploy classifier
# Fills numba's cache, and shows that everything works together.
RUN EARMARK_DATA_DIR=/tmp/check NUMBA_CACHE_DIR=/app/numba /venv/bin/earmark doctor
# The tagging network: fetched, converted and checked here, so that the image needs no network.
RUN EARMARK_DATA_DIR=/tmp/check EARMARK_WEIGHTS_DIR=/app/weights /venv/bin/earmark models get musicnn-msd
# What the image is made of, besides Debian's packages.
RUN /venv/bin/python deploy/bill.py > earmark.cdx.json
RUN install -d -o 10001 -g 10001 /data

FROM python:3.11.16-slim-bookworm AS app
LABEL org.opencontainers.image.title="Earmark" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build /data /data
COPY --from=page /src/static /app/static
WORKDIR /app
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba \
    EARMARK_DATA_DIR=/data \
    EARMARK_WEIGHTS_DIR=/app/weights \
    EARMARK_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('EARMARK_PORT', '8000') + '/healthz', timeout=4)"]
# numba reads its cache only where it could write, hence the copy.
ENTRYPOINT ["sh", "-ec", "mkdir -p \"$NUMBA_CACHE_DIR\"; cp -R /app/numba/. \"$NUMBA_CACHE_DIR\"; exec \"$@\"", "earmark"]
CMD ["gunicorn", "-c", "gunicorn.conf.py"]
