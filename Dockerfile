# The image of web servers and workers alike; compose.yaml says which of them a container is.
FROM python:3.11-slim

# hdf5, numpy and the like come as wheels; nothing is compiled.
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
WORKDIR /rovi
COPY requirements.lock .
RUN pip install --require-hashes --requirement requirements.lock
COPY . .
RUN python -m compileall -q .
RUN useradd --system --uid 10001 rovi && install -d -o rovi -m 700 /data
USER rovi
ENV ROVI_DATA=/data ROVI_DEMO=off HOST=0.0.0.0
VOLUME /data
CMD ["python", "-m", "rovi_site.serving.web"]
