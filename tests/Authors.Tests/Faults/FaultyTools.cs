using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Faults;

// Tools with one mistake each that an author makes; the first has none.

public abstract class SmallTool<TOptions> : Tool<TOptions>
    where TOptions : class, new()
{
    public override ToolOutput Run(IToolContext context)
    {
        using var run = context.Compose([Roles.Teacher], []);
        var sum = 0.0;
        run.Steps("look", 3, step => sum += Look(step));
        return new("sum", new() { ["sum"] = sum }, $"{sum}");
    }

    protected virtual double Look(IStepContext step) =>
        step.Consult(Roles.Teacher, step.Next("train"), []).Logits.sum().item<float>();
}

public abstract class SmallTool : SmallTool<NoOptions>;

[KdTool("good-tool")]
public sealed class GoodTool : SmallTool;

public sealed record PluginsOptions
{
    public string Plugins { get; init; } = "";
}

[KdTool("taken-option")]
public sealed class TakenOptionTool : SmallTool<PluginsOptions>;

[KdTool("silent")]
public sealed class SilentTool : SmallTool
{
    public override ToolOutput Run(IToolContext context) => new("sum", base.Run(context).Values, "");
}

[KdTool("own-event")]
public sealed class OwnEventTool : SmallTool
{
    public override ToolOutput Run(IToolContext context)
    {
        var result = base.Run(context);
        result.Values["event"] = "sum";
        return result;
    }
}

[KdTool("global-draw")]
public sealed class GlobalDrawTool : SmallTool
{
    public override ToolOutput Run(IToolContext context)
    {
        var result = base.Run(context);
        result.Values["draw"] = rand(1).item<float>();
        return result;
    }
}

[KdTool("counting-runs")]
public sealed class CountingRunsTool : SmallTool
{
    private static int _runs;

    protected override double Look(IStepContext step) => base.Look(step) + ++_runs;
}

[KdTool("unstoppable")]
public sealed class UnstoppableTool : SmallTool
{
    public override ToolOutput Run(IToolContext context)
    {
        try
        {
            return base.Run(context);
        }
        catch (OperationCanceledException)
        {
            return new("sum", new() { ["sum"] = 0 }, "stopped");
        }
    }
}

[KdTool("hidden-refusal")]
public sealed class HiddenRefusalTool : SmallTool
{
    public override ToolOutput Run(IToolContext context)
    {
        try
        {
            return base.Run(context);
        }
        catch (Torch.KdException e)
        {
            throw new InvalidOperationException("no good", e);
        }
    }
}
