# Two commands on a fresh Debian or Ubuntu machine: `make demo` and `make test`. Both install what is missing first.
#
#   make demo GCODE=part.gcode   print your own part (LAYERS=all: all of a long one)
#   make TORCH_INDEX=URL ...     where pip finds torch, when the configured index has not the build you want
#   make TORCH=torch==2.13.0 ... the torch to install; by default the CPU build unless there is an NVIDIA GPU
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH_INDEX ?=
TORCH_VERSION := $(shell sed -n 's/^torch==//p' constraints.txt)
TORCH ?= $(if $(shell command -v nvidia-smi),torch==$(TORCH_VERSION),torch==$(TORCH_VERSION)+cpu)
EXTRAS := train,sim,table,export,serve,dev

SYSTEM_PACKAGES := build-essential cmake ninja-build libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc \
  libprotozero-dev libnghttp2-dev nlohmann-json3-dev libhwy-dev libgtest-dev libbenchmark-dev libssl-dev openssl

PIP := $(BIN)/pip --disable-pip-version-check -q
# What the compiled parts are made from: a change of one of these installs the package anew, and nothing else does.
COMPILED := pyproject.toml CMakeLists.txt $(wildcard cmake/*) $(shell find runtime record serve proto cpp_client benchmarks examples \
  -name CMakeLists.txt -o -name '*.cpp' -o -name '*.h' -o -name '*.proto' -o -name '*.map')

.PHONY: help setup demo test check-aarch64 sanitize bench lint clean distclean system-packages
help:  ## Show this.
	@sed -n 's/^\([a-z0-9-]*\):.*## /make \1\t/p' Makefile | expand -t 16

setup: $(VENV)/.installed  ## Install what is missing, and build.

demo: setup  ## Train on small parts, serve the model, print an unseen part through it, and show what it gains.
	$(BIN)/python -m learn_rt.benchmarks.printing.demo --out build/demo \
	  $(if $(GCODE),--gcode "$(GCODE)") $(if $(LAYERS),--layers "$(LAYERS)")

test: setup  ## Run every test, Python and C++.
	ctest --test-dir build/cmake --output-on-failure --no-tests=error
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check-aarch64:  ## Build the runtime for 64-bit ARM and run its tests in qemu (needs g++-aarch64-linux-gnu, qemu-user, cmake, ninja).
	cmake/aarch64-sysroot build/aarch64-sysroot
	cmake -S . -B build/aarch64 -G Ninja --toolchain cmake/aarch64.cmake -DLEARN_RT_SYSROOT=$(CURDIR)/build/aarch64-sysroot \
	  -DLEARN_RT_TESTS=ON -DLEARN_RT_PYTHON=OFF -DLEARN_RT_SERVE=OFF -DLEARN_RT_CLIENT=OFF -DLEARN_RT_BENCHMARKS=OFF -DLEARN_RT_TORCH=OFF
	cmake --build build/aarch64
	ctest --test-dir build/aarch64 --output-on-failure --no-tests=error -R '^(runtime_tests|replay_.*)$$'

# Several files compiled as one, -O1, and no checks before each use of a pointer (ASan sees those of null): it builds far sooner.
SANITIZED := -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -DCMAKE_UNITY_BUILD=ON -DLEARN_RT_TESTS=ON \
  -DLEARN_RT_PYTHON=OFF -DLEARN_RT_BENCHMARKS=OFF -DLEARN_RT_TORCH=OFF
sanitize: setup  ## Run the C++ tests and a short load under ASan and UBSan; rings, shared memory, recorder and the client under TSan.
	cmake -S . -B build/asan $(SANITIZED) -DLEARN_RT_SANITIZE=address,undefined -DCMAKE_CXX_FLAGS=-fno-sanitize=null,vptr,alignment
	cmake --build build/asan
	ctest --test-dir build/asan --output-on-failure --no-tests=error
	cmake -S . -B build/tsan $(SANITIZED) -DLEARN_RT_SANITIZE=thread
	cmake --build build/tsan --target client_tests serve_tests record_tests
	TSAN_OPTIONS=suppressions=$(CURDIR)/cmake/tsan.supp:die_after_fork=0 ctest --test-dir build/tsan --output-on-failure --no-tests=error \
	  -R 'Ring|Doorbell|Shm|Client|Policy|AgainstALyingServer|Recorder|Tape|Load|^Following|Version|StreamState'

bench: setup  ## Measure latency: prints one table, writes build/bench/latency.json.
	$(BIN)/learn-bench latency --out build/bench

lint: setup  ## Check style and types.
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	git ls-files '*.cpp' '*.h' | xargs -r $(BIN)/clang-format --dry-run --Werror
	rm -rf build/typed && $(PIP) install --no-deps --no-build-isolation --target build/typed --config-settings=wheel.cmake=false .
	cd build/typed && ../../$(BIN)/mypy --config-file ../../pyproject.toml --python-executable ../../$(BIN)/python --cache-dir ../mypy

clean:  ## Remove what was built.
	rm -rf build $(VENV)/.installed

distclean: clean  ## Remove the virtual environment too.
	rm -rf $(VENV)

# Debian's packages, asked for only when one is missing.
system-packages:
	@python_headers=$$($(PYTHON) -c 'import os, sysconfig; \
	  print("" if os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")) else "python3-dev")'); \
	venv=$$($(PYTHON) -c 'import ensurepip' 2>/dev/null || echo python3-venv); \
	missing=$$(for p in $(SYSTEM_PACKAGES); do dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
	missing=$$(echo $$missing $$python_headers $$venv); \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo"; \
	elif command -v sudo >/dev/null && [ -t 0 ]; then as_root="sudo"; \
	else echo "make: system packages are missing and cannot be installed here; as root: apt-get install $$missing" >&2; exit 1; fi; \
	command -v apt-get >/dev/null || { echo "make: system packages are missing: $$missing (no apt-get here: install their equivalents)" >&2; exit 1; }; \
	echo "make: installing system packages: $$missing"; \
	mkdir -p build; \
	{ $$as_root apt-get update -qq && $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	  --no-install-recommends $$missing; } >build/apt.log 2>&1 || \
	{ grep -h '^E:' build/apt.log >&2; echo "make: apt-get could not install: $$missing (all of it: build/apt.log)" >&2; exit 1; }

$(VENV)/bin/python: | system-packages
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "make: Python 3.11 to 3.13 is needed, $(PYTHON) is $$($(PYTHON) -V); say make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# torch first, so that no other package's dependency pulls another build.
$(VENV)/.torch: constraints.txt | $(VENV)/bin/python
	@echo "make: installing $(TORCH)"; mkdir -p build
	@$(PIP) install $(if $(TORCH_INDEX),--extra-index-url "$(TORCH_INDEX)") "$(TORCH)" 2>build/torch.log || { \
	  [[ "$(TORCH)" == *+cpu ]] || { cat build/torch.log >&2; exit 1; }; \
	  echo "make: the configured index has no CPU build of torch; taking its default build (give another index: make TORCH_INDEX=URL)"; \
	  $(PIP) install "torch==$(TORCH_VERSION)"; }
	@touch $@

$(VENV)/.requirements: pyproject.toml constraints.txt $(VENV)/.torch
	@echo "make: installing the Python packages"
	@$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); \
	  extras = p["project"]["optional-dependencies"]; \
	  print(*p["build-system"]["requires"], *p["project"]["dependencies"], *(r for e in "$(EXTRAS)".split(",") for r in extras[e]), sep="\n")' \
	  | grep -v '^torch[<>=]' | $(PIP) install -c constraints.txt -r /dev/stdin
	@touch $@

$(VENV)/.installed: $(COMPILED) $(VENV)/.requirements | system-packages
	@echo "make: building"; touch $(VENV)/.building
	@CMAKE_GENERATOR=Ninja $(PIP) install --no-build-isolation --no-deps -e . --config-settings=cmake.define.LEARN_RT_TESTS=ON \
	  --config-settings=cmake.define.Python_EXECUTABLE=$(abspath $(BIN)/python)
	@mv $(VENV)/.building $@  # as old as the start: what changed meanwhile is built the next time
