"""One database connection per instance: opened by the Initializer, closed by PreStop.

The handler stores the event's name and counts the names so far:

    {"name": "world"}  ->  {"backend": "sqlite", "name": "world", "rows": 1}
"""

import json
import logging
import os

logger = logging.getLogger()
connection = None

TABLE = "CREATE TABLE IF NOT EXISTS visitors (name VARCHAR(100) NOT NULL)"


def open_mysql():
    import pymysql  # Here, because sqlite runs without it.

    return pymysql.connect(
        host=os.environ["MYSQL_HOST"],
        port=int(os.environ["MYSQL_PORT"]),
        user=os.environ["MYSQL_USER"],
        password=os.environ["MYSQL_PASSWORD"],
        database=os.environ["MYSQL_DBNAME"],
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=5,
    )


def open_sqlite():
    import sqlite3

    path = os.environ["SQLITE_PATH"]
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


# How each backend is opened, its sign for a value, and what its table needs.
BACKENDS = {
    "mysql": (open_mysql, "%s", " CHARACTER SET utf8mb4"),
    "sqlite": (open_sqlite, "?", ""),
}
backend = os.environ["DB_BACKEND"]
open_connection, sign, charset = BACKENDS[backend]


def initialize(context):
    global connection
    connection = open_connection()
    query(TABLE + charset)
    logger.info("connected to %s", backend)


def handler(event, context):
    name = json.loads(event or b"{}").get("name", "nobody")
    keep_connected()
    query("INSERT INTO visitors (name) VALUES ({})".format(sign), name)
    ((rows,),) = query("SELECT COUNT(*) FROM visitors")
    return {"backend": backend, "name": name, "rows": rows}


def pre_stop(context):
    if connection is not None:
        connection.close()
    logger.info("connection closed")


def query(sql, *values):
    cursor = connection.cursor()
    try:
        cursor.execute(sql, values)
        return cursor.fetchall()
    finally:
        cursor.close()


def keep_connected():
    """Connects again if the server has closed the connection, as it does after long idling."""
    global connection
    try:
        query("SELECT 1")
    except Exception:
        logger.warning("connection lost, connecting again")
        connection = open_connection()
