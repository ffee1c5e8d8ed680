# Daily commands. CONTRIBUTING.md describes the development loop.

# A current Docker has only `docker compose`.
compose := `command -v docker-compose || echo docker compose` + " -f docker-compose.microservices.yml"

# List the recipes
default:
    @just --list

# Start the whole system with demo data
run:
    cargo run

# Run all tests
test:
    cargo test --workspace

# Check formatting, spelling and lints
check:
    .ci/run format spelling lints

# Run every step of .ci/run, or the named ones
ci *STEPS:
    .ci/run {{ STEPS }}

# Run the load benchmark
bench *ARGS="--quick":
    cargo bench -p eventboard-e2e --bench load -- {{ ARGS }}

# Refresh .sqlx/ against the database of DATABASE_URL
sqlx-prepare:
    cargo sqlx prepare --workspace -- --all-targets

# Break replicas, PostgreSQL and DNS under load
faults:
    cargo test --release -p eventboard-e2e --test faults -- --test-threads=1 --nocapture

# Test the rules and the dashboard on a real Prometheus
observability:
    cargo test --release -p eventboard-e2e --test observability -- --nocapture

# Attack the configuration of nginx on a real nginx
proxy:
    cargo test -p eventboard-e2e --test proxy

# Send mails to a real exim
mail:
    cargo test -p notification-service --test exim

# Test the board in a browser
board:
    .ci/run board

# Run the commands of the runbook on containers
runbook:
    .ci/run runbook

# Start the development containers
up:
    {{ compose }} up -d

# Stop the development containers; data is kept
down:
    {{ compose }} down

# Open psql in the development containers
psql:
    docker exec -it eventboard-postgres psql -U eventboard -d eventboard_db
