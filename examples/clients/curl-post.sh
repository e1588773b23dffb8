: "${PROXY:=http://any:KEY@127.0.0.1:8081}" "${URL:=https://example.com/}"
curl --silent --show-error --include --proxy "$PROXY" --json '{"name":"höme"}' "$URL"
