using Microsoft.Build.Framework;

namespace KdPlugins.Sdk.Build;

/// <summary>What the tasks share: MSBuild's side of them, and failures that become build errors.</summary>
public abstract class BuildTask : ITask
{
    /// <inheritdoc/>
    public IBuildEngine BuildEngine { get; set; } = null!;

    /// <inheritdoc/>
    public ITaskHost? HostObject { get; set; }

    /// <inheritdoc/>
    public bool Execute()
    {
        try
        {
            Run();
            return true;
        }
        catch (Exception e)
            when (e
                    is IOException
                        or UnauthorizedAccessException
                        or InvalidDataException
                        or System.Text.Json.JsonException
            )
        {
            var place = BuildEngine.ProjectFileOfTaskNode;
            BuildEngine.LogErrorEvent(new("", "KDB0001", place, 0, 0, 0, 0, e.Message, "", GetType().Name));
            return false;
        }
    }

    /// <summary>The work; failures are exceptions.</summary>
    protected abstract void Run();
}
