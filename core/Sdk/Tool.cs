using KdPlugins.Core;

namespace KdPlugins.Sdk;

/// <summary>
/// The base of tools: commands of the host, <c>kd ID RECIPE</c>. Each option is an option of the command, in kebab-case; what a
/// <c>Display(Prompt = "...")</c> says stands for its value in the help.
/// </summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class Tool<TOptions> : Plugin<TOptions>, ITool
    where TOptions : class, new()
{
    /// <inheritdoc/>
    public virtual IReadOnlyList<string> Settings => [];

    /// <inheritdoc/>
    public abstract ToolOutput Run(IToolContext context);
}
