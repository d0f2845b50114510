using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>The failures of a probe, with their exit codes.</summary>
internal static class ProbeFault
{
    /// <summary>The input does not fit: exit code 4.</summary>
    internal static KdException Input(string detail) => Of(CommandErrors.ProbeInput, detail, ExitCodes.Damaged);

    /// <summary>Tensors are left over: exit code 4.</summary>
    internal static KdException Unread(string detail) => Of(CommandErrors.ProbeUnread, detail, ExitCodes.Damaged);

    /// <summary>What was named cannot be probed: exit code 1.</summary>
    internal static KdException Kind(string detail) => Of(CommandErrors.ProbeKind, detail, ExitCodes.Failed);

    /// <summary>A formula's numbers do not fit: exit code 2, as for options.</summary>
    internal static KdException Arguments(string detail) =>
        Of(CommandErrors.ProbeArguments, detail, ExitCodes.BadRecipe);

    /// <summary>Runs code of the plugin; what it throws of its own names it and what it may have missed.</summary>
    /// <exception cref="KdException"><c>KDP0809</c>, or the plugin's own.</exception>
    internal static T Guard<T>(string who, Func<string> missing, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception e) when (e is not KdException)
        {
            var first = e.Message.Split('\n', 2)[0].TrimEnd('.', '\r');
            var hint = e is NullReferenceException or ArgumentNullException ? missing() : "";
            throw new KdException(
                CommandErrors.ProbeFailed,
                $"{who} failed: {e.GetType().Name}: {first}.{hint}",
                null,
                e
            );
        }
    }

    private static KdException Of(ErrorCode code, string detail, int exitCode)
    {
        var error = new KdException(code, detail);
        ExitCodes.Mark(error, exitCode);
        return error;
    }
}
