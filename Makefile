# Every target does its own set-up on a machine with Python 3.11+ and Debian's package manager.
.PHONY: demo drill test quick test-influx2 pictures format clean

demo:  ## a neighbourhood that does not exist, on this machine: prints where to look
	@scripts/environment .venv
	@.venv/bin/shuian demo $(ARGS)

drill:  ## all drills, on the demo that runs or on one begun for them: exit code 1 if anything was missed
	@scripts/environment .venv
	@.venv/bin/shuian drill all --demo demo-data --report drills.md $(ARGS)

test:  ## everything, against the built wheel, real brokers and a real browser
	@scripts/test all $(ARGS)

quick:  ## the part that needs no server, within a minute
	@scripts/test quick $(ARGS)

test-influx2:  ## the dialect v2 on your own InfluxDB 2.x: INFLUX2_URL, INFLUX2_ORG, INFLUX2_TOKEN, INFLUX2_BUCKET
	@scripts/environment .venv-test test
	@.venv-test/bin/python -m pytest tests/with_a_server/influx2.py

pictures:  ## tour the demo, play drills, and renew the documentation's pictures
	@scripts/test all tests/acceptance/test_demo.py tests/acceptance/test_drills.py
	@mkdir -p docs/pictures && cp .cache/pictures/*.png docs/pictures/

format:
	@scripts/environment .venv-test test
	@.venv-test/bin/ruff check --fix . ; .venv-test/bin/ruff format .

clean:
	rm -rf .venv .venv-test .cache build dist
