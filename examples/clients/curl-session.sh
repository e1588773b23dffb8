# Host, and user with parameters, apart from each other: this session keeps its exit
: "${PROXY:=http://127.0.0.1:8081}" "${KEY:=KEY}" "${URL:=https://example.com/}"
curl --silent --show-error --include --proxy "$PROXY" --proxy-user "any-session-a1:$KEY" "$URL"
