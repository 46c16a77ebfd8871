# Two images from one file: `app` (web, worker, beat) and `engine`.
FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --create-home --home-dir /srv/soundstage soundstage \
    && mkdir /data && chown soundstage /data
WORKDIR /srv/soundstage

FROM base AS engine
COPY engine/requirements.txt engine/
RUN pip install -r engine/requirements.txt
COPY engine engine
USER soundstage
ENV ENGINE_HOST=0.0.0.0 ENGINE_PORT=8010 ENGINE_DATA_DIR=/data/engine
EXPOSE 8010
CMD ["python", "-m", "engine"]

FROM base AS app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY manage.py ./
COPY templates templates
COPY static static
COPY jobs jobs
COPY webapp webapp
# The hashed static files are part of the image; the data folder is not.
ENV STATIC_ROOT=/srv/soundstage/collected
RUN DATA_DIR=/tmp/build python manage.py collectstatic --no-input --verbosity 0 && rm -r /tmp/build
USER soundstage
ENV DATA_DIR=/data HOST=0.0.0.0 PORT=8000
EXPOSE 8000
CMD ["gunicorn", "--config", "python:webapp.gunicorn_conf", "webapp.wsgi"]
