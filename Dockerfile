# mailsvc without root; the data folder is /data. Settings: docs/reference/configuration.md
FROM python:3.13-slim

RUN useradd --system --uid 10001 mailsvc && install --directory --owner mailsvc --mode 0700 /data
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.txt
COPY mailsvc mailsvc

USER mailsvc
VOLUME /data
ENV PYTHONUNBUFFERED=1 MAILSVC_DATA_DIR=/data
ENTRYPOINT ["python", "-m", "mailsvc"]
CMD ["run"]
