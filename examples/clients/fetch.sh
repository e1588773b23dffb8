: "${PROXY:=http://any:KEY@127.0.0.1:8081}"
export NODE_USE_ENV_PROXY=1 HTTP_PROXY="$PROXY" HTTPS_PROXY="$PROXY"
node "$(dirname "$0")/fetch.ts"
