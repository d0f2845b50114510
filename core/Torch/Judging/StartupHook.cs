using KdPlugins.Torch.Instructions;
using KdPlugins.Torch.Judging;

/// <summary>
/// What .NET calls before <c>Main</c> where <c>DOTNET_STARTUP_HOOKS</c> names this assembly: any program that uses it can so be
/// the child of a trial, without knowing of it and without running itself.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        if (!Trial.IsHere && !LayerChild.IsHere)
            return;
        using var tell = new StreamWriter(Console.OpenStandardOutput());
        if (LayerChild.IsHere)
            LayerChild.Run(new StreamReader(Console.OpenStandardInput()), tell);
        else
            Trial.Run(tell);
        tell.Flush();
        // No handler of the program's, and none of libtorch's destructors: the child has said everything.
        Environment.Exit(0);
    }
}
