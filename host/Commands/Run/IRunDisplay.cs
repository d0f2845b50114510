using KdPlugins.Core;
using Spectre.Console;

namespace KdPlugins.Host.Commands.Run;

/// <summary>Shows a run while it goes on.</summary>
internal interface IRunDisplay : IRunObserver
{
    /// <summary>Carries out the run; what it shows is complete when this returns.</summary>
    void During(Action run);

    /// <summary>The one that fits the screen.</summary>
    static IRunDisplay For(Screen screen, int seeds) =>
        screen.Json ? new JsonDisplay(screen)
        : screen.IsTerminal ? new TerminalDisplay(AnsiConsole.Console, seeds)
        : new PlainDisplay(screen, seeds, TimeProvider.System);
}
