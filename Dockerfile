# docker build -t mockcs .        docker run --rm -p 8080:8080 mockcs
FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
# The environment gets no pip: the one of the image installs into it.
RUN pip wheel --quiet --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/mockcs \
    && pip --python /opt/mockcs/bin/python install --quiet --no-cache-dir -c constraints.txt /wheels/*.whl

FROM python:3.13-slim
COPY --from=build /opt/mockcs /opt/mockcs
# Every flag of `mockcs serve` is a variable: this one lets the published port in, whatever the arguments are.
ENV PATH=/opt/mockcs/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MOCKCS_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --start-interval=500ms CMD ["mockcs", "healthcheck"]
# The exec form: mockcs is process 1, so SIGTERM reaches it.
ENTRYPOINT ["mockcs"]
CMD ["serve"]
