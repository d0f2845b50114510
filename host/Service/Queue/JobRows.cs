using Microsoft.Data.Sqlite;

namespace KdPlugins.Host.Service.Queue;

/// <summary>Jobs as rows.</summary>
internal static class JobRows
{
    private const string Columns =
        "id, number, name, state, priority, submitted, not_before, started, ended, attempts, failures, ran, time_limit,"
        + " device, plugin_set, exit_code, message, source, cancel";

    /// <summary>The rows of a question; its text follows "from job".</summary>
    internal static List<Job> Select(SqliteConnection connection, string rest, params (string, object?)[] values)
    {
        using var command = Command(connection, $"select {Columns} from job {rest}", values);
        using var reader = command.ExecuteReader();
        List<Job> found = [];
        while (reader.Read())
            found.Add(Read(reader));
        return found;
    }

    internal static long Count(SqliteConnection connection, string rest, params (string, object?)[] values)
    {
        using var command = Command(connection, $"select count(*) from job {rest}", values);
        return (long)command.ExecuteScalar()!;
    }

    internal static int Execute(SqliteConnection connection, string sql, params (string, object?)[] values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteNonQuery();
    }

    /// <summary>Adds a job under the next number, or under its own where it has one; gives it back with the number.</summary>
    internal static Job Insert(SqliteConnection connection, Job job)
    {
        using var command = Command(
            connection,
            $"""
            insert into job ({Columns}) values ($id, $number, $name, $state, $priority, $submitted, $notBefore, $started,
              $ended, $attempts, $failures, $ran, $limit, $device, $set, $exit, $message, $source, $cancel)
            returning number
            """,
            [("$id", job.Id), ("$number", job.Number > 0 ? job.Number : null), .. Values(job)]
        );
        return job with { Number = (long)command.ExecuteScalar()! };
    }

    /// <summary>Replaces everything about a job but its id and number.</summary>
    internal static void Update(SqliteConnection connection, Job job) =>
        Execute(
            connection,
            """
            update job set name = $name, state = $state, priority = $priority, submitted = $submitted,
              not_before = $notBefore, started = $started, ended = $ended, attempts = $attempts, failures = $failures,
              ran = $ran, time_limit = $limit, device = $device, plugin_set = $set, exit_code = $exit,
              message = $message, source = $source, cancel = $cancel
            where id = $id
            """,
            [("$id", job.Id), .. Values(job)]
        );

    private static (string, object?)[] Values(Job job) =>
        [
            ("$name", job.Name),
            ("$state", job.State.ToString()),
            ("$priority", job.Priority),
            ("$submitted", job.Submitted.ToUnixTimeMilliseconds()),
            ("$notBefore", job.NotBefore?.ToUnixTimeMilliseconds()),
            ("$started", job.Started?.ToUnixTimeMilliseconds()),
            ("$ended", job.Ended?.ToUnixTimeMilliseconds()),
            ("$attempts", job.Attempts),
            ("$failures", job.Failures),
            ("$ran", job.RanSeconds),
            ("$limit", job.TimeLimitSeconds),
            ("$device", job.Device),
            ("$set", job.PluginSet),
            ("$exit", job.ExitCode),
            ("$message", job.Message),
            ("$source", job.Source),
            ("$cancel", job.CancelRequested ? 1 : 0),
        ];

    private static SqliteCommand Command(SqliteConnection connection, string sql, (string, object?)[] values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in values)
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }

    private static Job Read(SqliteDataReader row)
    {
        DateTimeOffset? Time(int column) =>
            row.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));
        string? Text(int column) => row.IsDBNull(column) ? null : row.GetString(column);
        return new(
            row.GetString(0),
            row.GetInt64(1),
            row.GetString(2),
            Enum.Parse<JobState>(row.GetString(3)),
            row.GetInt32(4),
            Time(5)!.Value,
            Time(6),
            Time(7),
            Time(8),
            row.GetInt32(9),
            row.GetInt32(10),
            row.GetDouble(11),
            row.GetDouble(12),
            Text(13),
            Text(14),
            row.IsDBNull(15) ? null : row.GetInt32(15),
            row.GetString(16),
            row.GetString(17),
            row.GetInt32(18) != 0
        );
    }
}
