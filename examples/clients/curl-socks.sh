# The agent resolves the name, as behind the HTTP proxy
: "${PROXY:=127.0.0.1:8081}" "${KEY:=KEY}" "${URL:=https://example.com/}"
curl --silent --show-error --include --socks5-hostname "$PROXY" --proxy-user "any:$KEY" "$URL"
