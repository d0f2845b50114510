using System.Runtime.CompilerServices;
using KdPlugins.Host.Commands.Students;

namespace KdPlugins.Tests.Students;

internal static class Startup
{
    [ModuleInitializer]
    internal static void FindLibraries() => StudentLibraries.Announce();
}
